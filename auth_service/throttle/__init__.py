"""The throttle: how often passwords may be tried, and how many people may register."""
