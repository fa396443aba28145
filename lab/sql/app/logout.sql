-- End a user's oldest session; two who ask at once end two sessions
DELETE FROM sessions
WHERE id = (
    SELECT id
    FROM sessions
    WHERE user_id = :user
    ORDER BY id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id
