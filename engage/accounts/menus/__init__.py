"""The menu below an account's chat: its draft, what was published, and what WeChat shows (OA-4)."""
