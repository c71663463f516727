"""The study: what Karpathy, Johnson & Fei-Fei (2015) and Greff et al. (2017) measured, ours beside theirs."""
