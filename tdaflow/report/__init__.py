"""Reports of a run: figures, one self-contained HTML page, and one figure of a single volume (extra ``report``).

Figures are pure functions from arrays to a matplotlib figure; other modules build the page from them. Nothing here
computes homology. Import modules where they are used, because they load matplotlib and Jinja.
"""
