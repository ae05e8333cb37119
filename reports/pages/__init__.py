"""Pages rendered from records alone: terminal, Markdown, HTML, JUnit. Rendering never reruns anything."""
