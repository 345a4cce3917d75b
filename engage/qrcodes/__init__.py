"""Channel codes: QR codes that say where a person came from, and who scanned them."""
