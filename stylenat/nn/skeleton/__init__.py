"""What StyleNAT and StyleSwin share: all but the token mixer (arXiv 2211.05770; 2112.10762)."""
