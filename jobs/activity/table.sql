-- The activity log of an application (LOG-7). Run by the owner of the schema, once; repeating it changes nothing.
-- Grant INSERT and SELECT on activity to the application, and SELECT to whoever verifies; nobody needs more.
CREATE TABLE IF NOT EXISTS activity (
    stream   text   NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    entry    text   NOT NULL,
    PRIMARY KEY (stream, sequence)
);

CREATE OR REPLACE FUNCTION activity_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'LOG-7: entries of the activity log are neither changed nor removed'
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE TRIGGER activity_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON activity
    FOR EACH STATEMENT EXECUTE FUNCTION activity_is_append_only();
