"""What is left of a run: its figures (`result`), second by second (`series`), and the run directory made of them."""
