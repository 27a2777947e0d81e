-- schema.sql - the records of both yardsticks. The deltas and the analyses are JSON.
create table trips (trip_id text primary key, user_id text not null, status text not null,
    start text, end text, batches int, highest int, updated text);
create table batches (trip_id text not null, number int not null, user_id text not null,
    deltas text not null, uploaded text, primary key (trip_id, number));
create table analyses (trip_id text primary key, user_id text not null, end text,
    analysis text not null);
create index analyses_of_user on analyses (user_id, end);
