"""Reports of a run: markdown, HTML, and the formats of GitHub and GitLab.

Callers read the details and the verdicts of a run and pass them to these functions, which return text.
"""
