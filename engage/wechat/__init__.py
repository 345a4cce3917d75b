"""WeChat: the gateway to its API, and the reading of what it pushes."""
