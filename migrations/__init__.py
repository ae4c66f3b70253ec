"""Numbered SQL files, plus one function a file: data of the package, imported by nothing."""
