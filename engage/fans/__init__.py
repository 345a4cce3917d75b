"""Fans: WeChat followers and visitors, one per account and openid."""
