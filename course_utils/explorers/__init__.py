"""Sliders that look inside a network."""
