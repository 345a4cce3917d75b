"""The chain's official accounts on WeChat, and the journal of what WeChat pushed."""
