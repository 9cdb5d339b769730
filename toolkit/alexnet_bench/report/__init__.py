"""The profile as a table, JSON and Markdown."""
