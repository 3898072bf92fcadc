
/*
 * kafka TOPIC PORTS OUT: a cluster of librdkafka's mock with three brokers, in
 * a process of its own, and a consumer of the topic.  Writes the addresses of
 * the brokers into PORTS, and what it consumes into OUT, a message a line: its
 * key, its header "id", the value.  SIGUSR1 takes the brokers away, SIGUSR2
 * brings them back; it ends with SIGTERM.
 */


#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>


#define BROKERS  3


static volatile sig_atomic_t  wanted, over;


static void
on_signal(int signo)
{
    if (signo == SIGTERM) {
        over = 1;

    } else {
        wanted = signo;
    }
}


static rd_kafka_t *
client(rd_kafka_type_t type, const char *names[][2])
{
    char              error[256];
    rd_kafka_t       *rk;
    rd_kafka_conf_t  *conf;

    conf = rd_kafka_conf_new();

    for ( ; (*names)[0]; names++) {
        if (rd_kafka_conf_set(conf, (*names)[0], (*names)[1], error,
                              sizeof(error))
            != RD_KAFKA_CONF_OK)
        {
            fprintf(stderr, "%s\n", error);
            exit(1);
        }
    }

    rk = rd_kafka_new(type, conf, error, sizeof(error));
    if (rk == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }

    return rk;
}


static void
brokers(rd_kafka_mock_cluster_t *cluster, int up)
{
    int  i;

    for (i = 1; i <= BROKERS; i++) {
        if (up) {
            rd_kafka_mock_broker_set_up(cluster, i);

        } else {
            rd_kafka_mock_broker_set_down(cluster, i);
        }
    }
}


static void
consume(rd_kafka_t *rk, FILE *out)
{
    size_t               len;
    const void          *id;
    rd_kafka_headers_t  *headers;
    rd_kafka_message_t  *m;

    m = rd_kafka_consumer_poll(rk, 100);
    if (m == NULL) {
        return;
    }

    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR
        && rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR
        && rd_kafka_header_get_last(headers, "id", &id, &len)
           == RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        fprintf(out, "%.*s %.*s %.*s\n", (int) m->key_len, (char *) m->key,
                (int) len, (const char *) id, (int) m->len,
                (char *) m->payload);
        fflush(out);
    }

    rd_kafka_message_destroy(m);
}


int
main(int argc, char **argv)
{
    FILE                             *file, *out;
    rd_kafka_t                       *rk, *reader;
    const char                       *servers;
    rd_kafka_mock_cluster_t          *cluster;
    rd_kafka_topic_partition_list_t  *topics;

    const char  *none[][2] = { { NULL, NULL } };

    if (argc != 4) {
        return 2;
    }

    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    signal(SIGTERM, on_signal);

    rk = client(RD_KAFKA_PRODUCER, none);
    cluster = rd_kafka_mock_cluster_new(rk, BROKERS);
    servers = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_mock_topic_create(cluster, argv[1], 4, BROKERS);

    const char  *names[][2] = {
        { "bootstrap.servers", servers },
        { "group.id", "test" },
        { "auto.offset.reset", "earliest" },
        { NULL, NULL }
    };

    reader = client(RD_KAFKA_CONSUMER, names);
    topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, argv[1],
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(reader, topics);
    rd_kafka_topic_partition_list_destroy(topics);

    out = fopen(argv[3], "w");
    file = fopen(argv[2], "w");

    if (file == NULL || out == NULL) {
        perror(argv[2]);
        return 1;
    }

    fprintf(file, "%s\n", servers);
    fclose(file);

    while (!over) {
        consume(reader, out);

        if (wanted) {
            brokers(cluster, wanted == SIGUSR2);
            wanted = 0;
        }
    }

    return 0;
}
