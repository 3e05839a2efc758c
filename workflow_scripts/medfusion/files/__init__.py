"""The artifacts on disk."""
