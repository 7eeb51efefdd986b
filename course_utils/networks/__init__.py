"""Networks: loading them, and what a reader holds in their hands."""
