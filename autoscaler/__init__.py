"""Keeps an Ant Media Server cluster the right size without cutting a live stream."""
