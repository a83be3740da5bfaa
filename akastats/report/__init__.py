"""What a run means, told to people and forges: markdown, a file of HTML, GitHub's and GitLab's own forms. Pure.

Nothing is asked or written here: who has read a run's details and verdicts hands them in and gets text.
"""
