"""What the lab itself costs: each figure beside a reference in the same run, because machines are shared and noisy."""
