"""The account that all candidates serve."""

APP_ID = "wxbench000000000001"
TOKEN = "benchtoken"  # noqa: S105 of the benchmark's account
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
USERNAME = "gh_bench"
GREETING = "您好，欢迎关注。"
