-- The adapter's own tables. Change the last part for each table whose rows are to be published.
CREATE TABLE xroad_outbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    subject text,
    body jsonb NOT NULL,
    refused text);
CREATE TABLE xroad_received (id varchar(64) PRIMARY KEY);

CREATE FUNCTION births_to_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id, to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER births_to_outbox AFTER INSERT OR UPDATE ON births
    FOR EACH ROW EXECUTE FUNCTION births_to_outbox();
