-- Nothing is taken away: what is compared is the same on both sides
SELECT
