"""The console's event streams: what happens in conversations, on the screens of who may see it."""
