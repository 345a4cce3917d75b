"""What is answered by itself: to who begins to follow, scans, writes a word or taps the menu (OA-5)."""
