"""What reaches us from WeChat: kept once, done once, answered in time."""
