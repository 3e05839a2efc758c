"""An exported system: one folder that says what an image shows, without the workflow that made it."""
