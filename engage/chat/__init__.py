"""Conversations: fans write, staff answer in sessions, within WeChat's window (CH-3, CH-4, CH-6 to CH-8)."""
