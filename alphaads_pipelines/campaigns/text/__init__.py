"""Text: how an ad text is normalised before it is checked, and the phrases it is searched for."""
