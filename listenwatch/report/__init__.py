"""Reports: what people and programs read. They show verdicts and decide nothing."""
