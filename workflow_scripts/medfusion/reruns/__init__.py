"""Which jobs must run again, and which keep what they have: see README.md beside this."""
