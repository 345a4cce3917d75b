"""`python -m workers`: one worker process."""

from __future__ import annotations

from workers.worker import run

if __name__ == "__main__":
    run()
