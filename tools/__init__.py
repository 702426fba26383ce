"""Commands of the project: see the Makefile. Readers of the notebooks need none of them."""
