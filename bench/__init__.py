"""Speed, measured as ratios within one run: machines differ, ratios less."""
