"""What people read: the page, the results as Markdown, the explanation of a file."""
