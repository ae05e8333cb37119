"""What the suite is measured by: correct implementations in many shapes, and one-line corruptions of some of them."""
