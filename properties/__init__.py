"""The questions: Hypothesis properties that any Batch Normalization must answer, one file a chapter."""
