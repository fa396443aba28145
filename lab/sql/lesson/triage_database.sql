-- Make the lesson's database, for the role of its application
CREATE DATABASE shop OWNER shop
