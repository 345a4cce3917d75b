"""Patient pages, below `/p/<account>`."""
