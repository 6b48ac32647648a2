"""Call records: one row a call, its segments in it; and one for each leg, how it sounded."""
