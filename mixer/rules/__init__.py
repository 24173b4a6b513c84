"""The rules of a conference, by subject; `mixer.conference` puts them together."""
