"""Building datasets: what happens to questions, answers and masks before they are trained on."""
