-- What PostgreSQL 18 has and older ones do not.
CREATE TABLE public.virtual (id int PRIMARY KEY, net numeric NOT NULL, gross numeric GENERATED ALWAYS AS (net * 1.19) VIRTUAL);
INSERT INTO public.virtual (id, net) SELECT i, i * 10 FROM generate_series(1, 50) i;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE public.booking (
    room int,
    during daterange,
    PRIMARY KEY (room, during WITHOUT OVERLAPS)
);
INSERT INTO public.booking SELECT i, daterange(date '2026-01-01' + i, date '2026-01-03' + i) FROM generate_series(1, 50) i;
CREATE TABLE public.stay (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    room int,
    during daterange,
    FOREIGN KEY (room, PERIOD during) REFERENCES public.booking (room, PERIOD during)
);
INSERT INTO public.stay (room, during) SELECT room, during FROM public.booking;
ALTER TABLE public.stay ADD CONSTRAINT hinted CHECK (room < 10) NOT ENFORCED;
