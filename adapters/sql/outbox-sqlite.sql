-- The adapter's own tables. Change the last part for each table whose rows are to be published.
-- AUTOINCREMENT is needed: without it a number is given again when its row has gone.
CREATE TABLE xroad_outbox (
    number integer PRIMARY KEY AUTOINCREMENT,
    type text NOT NULL,
    subject text,
    body text NOT NULL,
    refused text);
CREATE TABLE xroad_received (id text PRIMARY KEY);

CREATE TRIGGER births_inserted AFTER INSERT ON births BEGIN
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id,
        json_object('id', NEW.id, 'born', NEW.born, 'family', NEW.family, 'given', NEW.given));
END;
CREATE TRIGGER births_updated AFTER UPDATE ON births BEGIN
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id,
        json_object('id', NEW.id, 'born', NEW.born, 'family', NEW.family, 'given', NEW.given));
END;
