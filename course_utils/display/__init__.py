"""Pictures out: matplotlib figures, PNG bytes, sentences."""
