"""Small benchmark runs, which check the measurement and never the machine's speed."""
