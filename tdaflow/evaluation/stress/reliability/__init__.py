"""Test–retest reliability: which numbers of a run come out alike when a volume is measured again."""
