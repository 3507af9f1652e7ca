# export JAVA_HOME=
# export HADOOP_LOG_DIR=/var/log/hadoop
# export HADOOP_HEAPSIZE_MAX=512m
# export HDFS_NAMENODE_OPTS="-Xmx1g"
