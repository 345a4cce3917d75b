"""The console: pages for staff."""
