"""What a run shows: figures, one self-contained HTML page, and one volume's path as a PNG (extra ``report``).

Figures are pure functions (arrays in, a matplotlib figure out); the page is put together apart from them, and nothing
here computes homology. Import the modules where they are used: matplotlib and Jinja are loaded with them.
"""
