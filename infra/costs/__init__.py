"""What a stack costs a month: dated prices, measured figures, and formulas over both; pure."""
